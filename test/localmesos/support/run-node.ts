/** The command as a process of its own, for tests that kill it. */
import { localMesosCommand } from '../../../src/localmesos/index.js';

process.exitCode = await localMesosCommand(process.argv.slice(2));
