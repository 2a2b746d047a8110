// Fails while it is read.
throw new Error('no such library');
