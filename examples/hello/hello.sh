#!/bin/sh
# Says where it runs and what it was given. Needs nothing but a POSIX shell.
echo "hello from job ${GODOCKER_JID:-none}"
echo "on $(hostname 2>/dev/null || cat /proc/sys/kernel/hostname), as uid $(id -u), in $(pwd)"
echo "this line goes to god.err" >&2
echo "a result" > result.txt
