#!/bin/sh
# Tests gpu.sh with a stand-in for the binary: what it must survive, count and report.

set -eu
here=$(cd "$(dirname "$0")" && pwd)
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT

# verify finds a disagreement on opencl:0, where also one training run fails; on opencl:1 every
# benchmark is killed and tanh trains to other bits; opencl:2 is no GPU.
cat >"$folder/maclaurin" <<'STANDIN'
#!/bin/sh
case "$*" in
  --version) echo 0.1.0 ;;
  "devices --explain") echo explained ;;
  "devices --json")
    printf '%s%s%s\n' '{"devices":[{"backend":"opencl:0","name":"A, {B}","type":"gpu"},' \
      '{"backend":"opencl:1","type":"gpu","name":"C"},' \
      '{"backend":"opencl:2","name":"D","type":"cpu"},{"backend":"openblas"}]}' ;;
  verify*opencl:0*) echo "contraction disagreed" >&2; exit 3 ;;
  verify*) echo '{}' ;;
  bench*opencl:1*) kill -9 $$ ;;
  bench*) echo table >&2; echo '{}' ;;
  train*tanh*opencl:1*) echo '{"parameters_sha256":"bbbb","examples_per_second":5.5}' ;;
  train*relu*full*opencl:0*) echo boom >&2; exit 1 ;;
  train*) echo '{"examples_per_second":7,"parameters_sha256":"aaaa"}' ;;
esac
STANDIN
chmod +x "$folder/maclaurin"

fail() {
  echo "gpu-test.sh: $*" >&2
  exit 1
}

# expect CODE FOLDER TYPES
expect() {
  code=0
  MACLAURIN=$folder/maclaurin QUICK=1 GPU_TYPES=$3 sh "$here/gpu.sh" "$folder/$2" \
    >"$folder/output" 2>&1 || code=$?
  [ $code -eq "$1" ] || fail "exit $code instead of $1: $(cat "$folder/output")"
}

expect 3 'two words' gpu
out="$folder/two words"
[ "$(cat "$out/summary.json")" = '{"disagreed":3,"failed":10}' ] ||
  fail "wrong counts: $(cat "$out/summary.json")"
grep -q '"activation":"tanh","order":"2","sha256":"bbbb","openblas_sha256":"aaaa","agree":false' \
  "$out/opencl-1/training.json" || fail "the disagreement is not in training.json"
grep -q 'verify: DISAGREED' "$out/summary.txt" || fail "the summary does not tell of verify"
[ ! -e "$out/opencl-2" ] || fail "a device of another type was visited"
expect 0 agree cpu
expect 1 none accelerator
MACLAURIN=$folder/absent sh "$here/gpu.sh" "$folder/absent-out" >/dev/null 2>&1 &&
  fail "no binary, no error"
code=0
sh "$here/gpu.sh" >/dev/null 2>&1 || code=$?
[ $code -eq 2 ] || fail "exit $code instead of 2 without a folder"
echo "gpu-test.sh: passed"
