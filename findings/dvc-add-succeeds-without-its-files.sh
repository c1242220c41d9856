#!/usr/bin/env bash
# dvc 3.67.1 (dvc-data 3.18.3, dvc-objects 5.2.0): `dvc add` of a folder exits with 0 and writes the .dvc file although
# it could not copy files to its cache.
#
# The cache of a corpus is often on another disk, and that disk may become full. DVC then prints an error for each file
# that it cannot copy, and takes the folder for added: the .dvc file lists all files. The missing copies are noticed
# only when somebody needs them, as by `dvc checkout`.
#
# Here the disk is never full: a limit on the size of files (`ulimit -f`) lets the copies fail. The cache is on the
# shared memory of Linux, because DVC makes hard links where it can.
#
# Output seen:
#     exit code of dvc add: 0
#     files listed: 4, in the cache: 1
#     exit code of dvc checkout: 255
set -euo pipefail

folder=$(mktemp -d)
cache=$(mktemp -d -p /dev/shm)
trap 'rm -rf "$folder" "$cache"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet dvc==3.67.1 dvc-data==3.18.3 dvc-objects==5.2.0
export PATH="$folder/venv/bin:$PATH" DVC_NO_ANALYTICS=1

mkdir "$folder/project" && cd "$folder/project"
git init --quiet && dvc init --quiet
dvc cache dir --local "$cache"
mkdir corpus
for speaker in 1 2 3; do head -c 300000 /dev/zero | tr '\0' "$speaker" >"corpus/long_$speaker.wav"; done
echo "short" >corpus/short.wav

added=0
(ulimit -f 100 && dvc add corpus) >/dev/null 2>&1 || added=$?
listed=$(sed -n 's/.*nfiles: //p' corpus.dvc)
cached=$(find "$cache/files" -type f ! -name '*.tmp' ! -name '*.dir' | wc -l)
rm -r corpus
checked_out=0
dvc checkout >/dev/null 2>&1 || checked_out=$?
echo "exit code of dvc add: $added"
echo "files listed: $listed, in the cache: $cached"
echo "exit code of dvc checkout: $checked_out"
[ "$added" = 0 ] && [ "$listed" = 4 ] && [ "$cached" = 1 ] && [ "$checked_out" != 0 ]
echo "as described"
