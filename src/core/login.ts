/** What can be a login: it ends up in paths and in environments. */
const LOGIN = /^[a-z_][a-z0-9_.-]{0,63}$/i;

export const isLogin = (text: string): boolean => LOGIN.test(text) && !text.includes('..');
