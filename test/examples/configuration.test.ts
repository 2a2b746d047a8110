import t from 'tap';
import { readConfig } from '../../src/config/read.js';
import { projectFile } from '../support/project.js';

t.test('the sample configuration is read without a complaint', async (t) => {
  const answer = readConfig({
    file: projectFile('examples/godocker.yaml'),
    environment: {},
    directory: '/',
  });
  t.match(answer, { kind: 'read', warnings: [] });
});
