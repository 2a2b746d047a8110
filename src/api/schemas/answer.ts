/** Words in which answers are described. In tests no answer may have more, or less, than is said here. */
import { z } from 'zod';

/** An object with exactly these keys. */
export const shape = <Shape extends z.ZodRawShape>(fields: Shape) => z.strictObject(fields);

/** Seconds since 1970, with the milliseconds as fraction. */
export const epochSeconds = z
  .number()
  .meta({ description: 'Seconds since 1970, with a fraction.' });

/** Seconds, with the milliseconds as fraction. */
export const seconds = z.number().min(0).meta({ description: 'Seconds, with a fraction.' });

export const whole = z.number().int();

export const jobNumber = whole.min(1).meta({ description: 'Number of a job.' });

/** A number of GB of 1000 MB. */
export const gigabytes = z.number().meta({ description: 'GB of 1000 MB.' });

/** What clients print. */
export const message = z.string().meta({ description: 'A sentence for people.' });
