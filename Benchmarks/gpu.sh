#!/bin/sh
# What every GPU of this machine does with Maclaurin, for a machine that has only the binary.
#
#   Benchmarks/gpu.sh FOLDER
#
# For every device: `verify`, `bench contraction`, `bench step` of dense layers and of images,
# `bench kernel`, `bench fisher`, `bench convolution`, its profile, `bench placement`,
# `bench checks`, and short training runs whose final parameters must have the SHA-256 of the CPU
# path's. JSON, the text of each part and a summary are
# left in FOLDER. A part that fails does not stop the others.
#
# Environment
#   MACLAURIN   the binary (default: maclaurin on PATH, then .gpu/maclaurin)
#   GPU_TYPES   device types to visit, as `maclaurin devices --json` names them (default: gpu)
#   QUICK       1: smaller shapes and fewer repeats, to try the script itself
#
# Exit: 0 all agreed, 1 a part failed or there is no such device, 2 misuse, 3 a result disagreed.

set -u

if [ $# -ne 1 ] || [ -z "$1" ]; then
  echo "usage: Benchmarks/gpu.sh FOLDER" >&2
  exit 2
fi
folder=$1
mkdir -p "$folder" || exit 2

maclaurin=${MACLAURIN:-}
if [ -z "$maclaurin" ]; then
  maclaurin=$(command -v maclaurin || true)
  [ -n "$maclaurin" ] || maclaurin=.gpu/maclaurin
fi
if ! "$maclaurin" --version >"$folder/version.txt" 2>&1; then
  echo "gpu.sh: $maclaurin does not run; name the binary in MACLAURIN" >&2
  cat "$folder/version.txt" >&2
  exit 2
fi

types=${GPU_TYPES:-gpu}
if [ "${QUICK:-0}" = 1 ]; then
  sizes='256,256,256 128,512,512,tb'
  step='--model mlp:256x2 --batch-size 64'
  convolution='--channels 32 --size 16 --batch-size 16'
  images='--model cnn:32x3 --inputs 3x16x16 --batch-size 16 --orders full,2'
  placement='--widths 64 --batches 16 --orders full --repeats 2'
  repeats=3
  orders='full 2'
else
  sizes='1024,1024,1024 2048,2048,2048 4096,4096,4096 8192,8192,8192 128,2048,2048,tb'
  step='--model mlp:2048x3 --batch-size 128'
  convolution=
  images='--model cnn-thin --inputs 3x32x32 --batch-size 256'
  placement='--widths 64,256,1024,4096 --batches 16,128,512'
  repeats=9
  orders='full 1 2 3 4'
fi
activations='relu tanh'
training='--data digits --model mlp:512x3 --epochs 2 --batch-size 128 --seed 1 --json --quiet'

disagreed=0
failed=0
summary=$folder/summary.txt
# Left by an earlier run, perhaps of another binary.
rm -f "$folder"/training-openblas-*
: >"$summary"
say() { echo "$*" | tee -a "$summary"; }

# part NAME COMMAND…: stdout to NAME.json, stderr to NAME.txt; its exit code.
part() {
  name=$1
  shift
  "$@" >"$name.json" 2>"$name.txt"
  code=$?
  [ "$code" -eq 0 ] || echo "exit $code: $*" >>"$name.txt"
  return "$code"
}

# field NAME FILE: the first value of a member, without quotes.
field() {
  tr ',{}' '\n\n\n' <"$2" | sed -n "s/^ *\"$1\" *: *\"\{0,1\}\([^\"]*\)\"\{0,1\}.*/\1/p" | head -n 1
}

# report WHAT CODE FILE: a line about a part.
report() {
  case $2 in
    0) say "  $1: done" ;;
    3) disagreed=$((disagreed + 1)); say "  $1: DISAGREED (see $3.txt and $3.json)" ;;
    *) failed=$((failed + 1)); say "  $1: failed, exit $2 (see $3.txt): $(head -n 1 "$3.txt")" ;;
  esac
}

say "maclaurin $(cat "$folder/version.txt"), $(uname -sm), $(date -u +%Y-%m-%dT%H:%M:%SZ)"
"$maclaurin" devices --explain >"$folder/explain.txt" 2>&1
report "devices --explain" $? "$folder/explain"
part "$folder/devices" "$maclaurin" devices --json
report "devices" $? "$folder/devices"

# One line per device: opencl:i and its name.
sed 's/},{/}\
{/g' "$folder/devices.json" >"$folder/devices.lines"
devices=
for type in $types; do
  found=$(grep "\"type\":\"$type\"" "$folder/devices.lines" |
    sed -n 's/.*"backend":"\(opencl:[0-9]*\)".*/\1/p')
  devices="$devices $found"
done
if [ -z "$(echo $devices)" ]; then
  say "no device of type $types was found; $folder/explain.txt says where OpenCL was looked for"
  rm -f "$folder/devices.lines"
  exit 1
fi

# train BACKEND ACTIVATION ORDER NAME: the run's SHA-256 on stdout, or nothing.
train() {
  part "$4" "$maclaurin" train $training --activation "$2" --order "$3" --backend "$1" || return 1
  field parameters_sha256 "$4.json"
}

for device in $devices; do
  own=$folder/$(echo "$device" | tr ':' '-')
  mkdir -p "$own/training" || exit 2
  say "$device: $(grep "\"$device\"" "$folder/devices.lines" |
    sed -n 's/.*"name":"\([^"]*\)".*/\1/p')"

  part "$own/verify" "$maclaurin" verify --backend "$device" --json
  report verify $? "$own/verify"

  part "$own/bench-contraction" "$maclaurin" bench contraction --backend "$device" \
    --repeats $repeats --json --sizes $sizes
  code=$?
  report "bench contraction" $code "$own/bench-contraction"
  [ $code -ne 0 ] || sed 's/^/    /' "$own/bench-contraction.txt" | tee -a "$summary"

  for activation in $activations; do
    name=$own/bench-step-$activation
    part "$name" "$maclaurin" bench step --backend "$device" $step --activation $activation \
      --repeats $repeats --json
    code=$?
    report "bench step $activation" $code "$name"
    [ $code -ne 0 ] || sed 's/^/    /' "$name.txt" | tee -a "$summary"
  done

  part "$own/bench-kernel" "$maclaurin" bench kernel --backend "$device" --repeats $repeats --json
  code=$?
  report "bench kernel" $code "$own/bench-kernel"
  [ $code -ne 0 ] || sed 's/^/    /' "$own/bench-kernel.txt" | tee -a "$summary"
  part "$own/bench-fisher" "$maclaurin" bench fisher --backend "$device" --repeats $repeats --json
  report "bench fisher" $? "$own/bench-fisher"
  part "$own/bench-convolution" "$maclaurin" bench convolution --backend "$device" \
    --repeats $repeats --json $convolution
  report "bench convolution" $? "$own/bench-convolution"
  part "$own/bench-step-images" "$maclaurin" bench step --backend "$device" $images \
    --repeats $repeats --json
  code=$?
  report "bench step, images" $code "$own/bench-step-images"
  [ $code -ne 0 ] || sed 's/^/    /' "$own/bench-step-images.txt" | tee -a "$summary"

  part "$own/profile" "$maclaurin" devices --profile refresh --json
  report "devices --profile" $? "$own/profile"
  part "$own/bench-placement" "$maclaurin" bench placement --device "$device" $placement --json
  report "bench placement" $? "$own/bench-placement"
  part "$own/bench-checks" "$maclaurin" bench checks --backend "$device" --repeats $repeats --json
  report "bench checks" $? "$own/bench-checks"

  : >"$own/training.lines"
  for activation in $activations; do
    for order in $orders; do
      cpu=$folder/training-openblas-$activation-$order
      [ -s "$cpu.json" ] && expected=$(field parameters_sha256 "$cpu.json") ||
        expected=$(train openblas "$activation" "$order" "$cpu")
      name=$own/training/$activation-$order
      actual=$(train "$device" "$activation" "$order" "$name")
      label="training $activation order $order"
      if [ -z "$expected" ] || [ -z "$actual" ]; then
        agree=null
        [ -n "$expected" ] || report "$label on openblas" 1 "$cpu"
        [ -n "$actual" ] || report "$label" 1 "$name"
      elif [ "$expected" = "$actual" ]; then
        agree=true
        say "  $label: same bits as openblas, $(echo "$actual" | cut -c 1-16)…," \
          "$(field examples_per_second "$name.json" | cut -d . -f 1) examples/s" \
          "(openblas $(field examples_per_second "$cpu.json" | cut -d . -f 1))"
      else
        agree=false
        disagreed=$((disagreed + 1))
        say "  $label: DISAGREED, $device $actual, openblas $expected"
      fi
      printf '{"activation":"%s","order":"%s","sha256":"%s","openblas_sha256":"%s","agree":%s}\n' \
        "$activation" "$order" "$actual" "$expected" $agree >>"$own/training.lines"
    done
  done
  {
    printf '{"training":['
    paste -s -d , "$own/training.lines" | tr -d '\n'
    printf ']}\n'
  } >"$own/training.json"
  rm -f "$own/training.lines"
done
rm -f "$folder/devices.lines"

printf '{"disagreed":%d,"failed":%d}\n' $disagreed $failed >"$folder/summary.json"
say "$disagreed disagreed, $failed failed"
[ $disagreed -eq 0 ] || exit 3
[ $failed -eq 0 ] || exit 1
