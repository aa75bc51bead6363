#!/bin/bash
# no_terminal.sh: stands for the terminal tests where their library is missing, so that their absence is seen.
echo "ok 1 - terminal tests # SKIP libvterm not found (Debian package: libvterm-dev)"
echo 1..1
