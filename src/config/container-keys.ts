/** Keys of containers: their registry and their networks. */
import { flag, optional, optionalChoice } from './keys.js';

export const CONTAINERS = {
  use_private_registry: optional(
    'none',
    'Put before every image that does not begin with it, as in `registry.example.org/team`.',
  ),
  'network.disabled': flag(false, 'Containers of jobs have no network.'),
  'network.use_cni': flag(
    false,
    'Containers join networks by name, with an address of their own and without port mapping: CNI networks with `mesos.unified`, else networks of the Docker of each agent.',
  ),
  'network.cni_plugin': optionalChoice(
    ['weave', 'calico'],
    'Names the public network where `network.cni_public_network_name` does not.',
  ),
  'network.cni_public_network_name': optional(
    '`network.cni_plugin`',
    'Network of the jobs that ask for `public`, or for none by name.',
  ),
  'network.cni_user_network_name': optional(
    'none: refused',
    'Network of the jobs that ask for `user`; `$USERID` stands for the login, as in `godocker-user-$USERID`.',
  ),
  'network.cni_project_network_name': optional(
    'none: refused',
    'Network of the jobs that ask for `project`; `$PROJECT` stands for the project.',
  ),
  'network.cni_none_network_name': optional(
    'none: refused',
    'CNI network that is none (loopback only), for containers without network under `mesos.unified`.',
  ),
};
