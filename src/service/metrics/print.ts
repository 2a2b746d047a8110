/** `node dist/src/service/metrics/print.js > docs/metrics.md` */
import { metricsPage } from './reference.js';

process.stdout.write(await metricsPage());
