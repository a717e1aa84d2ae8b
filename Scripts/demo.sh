#!/bin/bash
# Trains the expansions of orders 1 to 4 and the network itself on the embedded digits, on the
# first OpenCL device (if there is one) and on the CPU path, and prints one line for each.
#
#   demo.sh BINARY
set -euo pipefail

binary=$1
# σw = √2 keeps ReLU's scale.
settings=(--data digits --model mlp:512x3 --activation relu --weight-std 1.4142 --epochs 20
  --quiet --json)

# The value of a member of the JSON object on stdin.
member() { sed -E "s/.*\"$1\":\"?([^,\"}]*).*/\1/"; }
percent() { awk -v share="$1" 'BEGIN { printf "%.2f %%", 100 * share }'; }

opencl=""
if "$binary" devices --json 2>/dev/null | grep -q '"backend":"opencl:0"'; then opencl=yes; fi

"$binary" devices
echo
echo "digits, mlp:512x3, relu, 20 epochs; the parameters' SHA-256 in the last columns"
echo
row="%-6s %9s  %-18s %-18s %s\n"
# shellcheck disable=SC2059  # the row is the format
printf "$row" order "accuracy" "OpenCL" "CPU path" "bits"
differ=0
for order in 1 2 3 4 full; do
  cpu=$("$binary" train "${settings[@]}" --order "$order" --backend openblas)
  cpu_hash=$(member parameters_sha256 <<<"$cpu")
  accuracy=$(percent "$(member test_accuracy <<<"$cpu")")
  if [ -n "$opencl" ]; then
    device=$("$binary" train "${settings[@]}" --order "$order" --backend opencl)
    device_hash=$(member parameters_sha256 <<<"$device")
    if [ "$device_hash" = "$cpu_hash" ]; then bits=same; else bits=DIFFERENT; differ=1; fi
  else
    device_hash="no device"
    bits=""
  fi
  # shellcheck disable=SC2059
  printf "$row" "$order" "$accuracy" "${device_hash:0:16}" "${cpu_hash:0:16}" "$bits"
done
echo
if [ "$differ" = 1 ]; then
  echo "The OpenCL device and the CPU path disagree; maclaurin verify --backend opencl says where."
  exit 1
fi
echo "Next: $binary train --order 2 --out my-run, then open my-run/report.html"
