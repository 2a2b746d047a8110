/** Which of the site's directories a job gets: the rule that authentication plugins share. */
import { stat } from 'node:fs/promises';
import type { Volume } from '../core/job.js';
import type { Person, SiteVolume, VolumeAnswer, VolumeRefusal, VolumeWish } from './auth.js';

/** What of the wishes is granted, with real paths. A job that runs as root gets everything read-only. */
export async function grantVolumes(
  volumes: readonly SiteVolume[],
  person: Person,
  { wishes, isRoot }: { readonly wishes: readonly VolumeWish[]; readonly isRoot: boolean },
): Promise<VolumeAnswer> {
  const granted: Volume[] = [];
  const refused: VolumeRefusal[] = [];
  for (const wish of wishes) {
    const volume = volumes.find(({ name }) => name === wish.name);
    const answer = volume === undefined ? 'unknown' : await grant(volume, wish, person, isRoot);
    if (typeof answer === 'string') refused.push({ name: wish.name, because: answer });
    else granted.push(answer);
  }
  return { granted, refused };
}

async function grant(
  volume: SiteVolume,
  wish: VolumeWish,
  person: Person,
  isRoot: boolean,
): Promise<Volume | VolumeRefusal['because']> {
  // Somebody without a home, such as a guest, has none to mount.
  if (volume.path === null && person.identity.home === '') return 'forbidden';
  const own = (text: string): string => text.replaceAll('$USERID', person.id);
  const path = volume.path === null ? person.identity.home : own(volume.path);
  const mount = own(volume.mount ?? (volume.name === 'home' ? '/mnt/home' : path));
  if (volume.isChecked && !(await isDirectory(path))) return 'missing';
  const isWritable = volume.acl === 'rw' && wish.acl !== 'ro' && !isRoot;
  // A wish without a word reads only, as it always did; one's own home is one's own.
  const acl = isWritable && (wish.acl === 'rw' || volume.name === 'home') ? 'rw' : 'ro';
  return { name: volume.name, path, mount, acl };
}

async function isDirectory(path: string): Promise<boolean> {
  try {
    return (await stat(path)).isDirectory();
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code;
    if (code === 'ENOENT' || code === 'ENOTDIR' || code === 'EACCES') return false;
    throw error;
  }
}
