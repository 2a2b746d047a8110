/** Writes docs/configuration.md. Run after a change of the schema. */
import { writeFileSync } from 'node:fs';
import { referencePage } from './reference.js';

writeFileSync('docs/configuration.md', referencePage());
