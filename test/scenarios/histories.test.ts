// Random histories of users, agents, network, store and process: never twice, never lost. A failing seed alone:
//   SEED=17 node dist/test/scenarios/histories.test.js
import { histories } from './history.js';

const { SEED } = process.env;
histories(SEED === undefined ? { first: 1, count: 25 } : { first: Number(SEED), count: 1 });
