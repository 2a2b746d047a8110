import t from 'tap';
import { skipAloud } from '../../support/skip.js';

t.test('needs a moon', async (t) => skipAloud(t, 'moon', 'it is daytime'));
