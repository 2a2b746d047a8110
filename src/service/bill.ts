/** `godocker admin bill`: what the launches of a month cost, out of the record. */
import { Command, InvalidArgumentError } from 'commander';
import { billCsv, billQuery, billTable, daysOfMonth } from '../contracts/bill.js';
import type { Config } from '../contracts/config.js';
import type { ServiceError } from '../contracts/errors.js';
import { SILENT } from '../contracts/log.js';
import { billOf } from '../core/bill.js';
import { projectId } from '../core/units.js';
import { openToLook } from './open-store.js';

export interface BillPorts {
  /** The configuration; undefined: it is wrong, and that was said. */
  readonly configured: (file: string | undefined) => Config | undefined;
  /** Is told the exit code. */
  readonly done: (code: number) => void;
  /** Exit code of a wrong configuration. */
  readonly wrongConfig: number;
}

interface BillOptions {
  readonly config?: string;
  readonly month: string;
  readonly project?: string;
  readonly csv?: true;
}

export function billCommand({ configured, done, wrongConfig }: BillPorts): Command {
  return new Command('bill')
    .description('what the launches that ended in a month cost, by project and queue')
    .exitOverride()
    .showHelpAfterError()
    .requiredOption('--month <month>', 'calendar month in UTC, as in 2026-11', readMonth)
    .option('--project <project>', 'of this project alone')
    .option('--csv', 'as CSV')
    .option('--config <file>', 'configuration file (default: $GOD_CONFIG, then godocker.yaml)')
    .action(async (options: BillOptions) => {
      const config = configured(options.config);
      done(config === undefined ? wrongConfig : await printBill(config, options));
    });
}

function readMonth(text: string): string {
  try {
    daysOfMonth(text);
    return text;
  } catch (error) {
    throw new InvalidArgumentError((error as ServiceError).message);
  }
}

/** The service may run meanwhile. @throws ServiceError */
async function printBill(config: Config, options: BillOptions): Promise<number> {
  const { month, project, csv } = options;
  const query = billQuery(month, project === undefined ? undefined : projectId(project));
  const store = await openToLook(config, SILENT);
  try {
    const bill = billOf(await store.accountSums(query), config.prices);
    process.stdout.write(csv === true ? billCsv(month, bill) : billTable(month, bill));
    return 0;
  } finally {
    await store.close();
  }
}
