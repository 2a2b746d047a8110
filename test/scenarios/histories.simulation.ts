// Many random histories; `npm run simulate`. `SEEDS=10000` for a night, `SEED=17` for one of them.
import { histories } from './history.js';

const { SEED, SEEDS } = process.env;
histories(
  SEED === undefined
    ? { first: 1, count: Number(SEEDS ?? 300) }
    : { first: Number(SEED), count: 1 },
);
