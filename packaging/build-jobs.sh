#!/usr/bin/env bash
# How many compilers may run at once: one a core, and 1.5 GB of memory for each.
set -euo pipefail
cores=$(nproc)
fits=$(awk '/^MemAvailable:/ {print int($2 / 1572864)}' /proc/meminfo)
jobs=$((fits < cores ? fits : cores))
echo $((jobs < 1 ? 1 : jobs))
