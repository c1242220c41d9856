#!/usr/bin/env bash
# dvc 3.67.1 (scmrepo 3.6.2, dulwich 1.2.21): a .gitignore with `/data/*` and a negation for one folder below makes DVC
# blind to the .dvc files in that folder, though git tracks them.
#
# The usual way to keep a data folder out of git but for what DVC tracks:
#     /data/*
#     !/data/raw/
#     /data/raw/*
#     !/data/raw/*.dvc
# `dvc add data/raw/clip.wav` works, and git commits data/raw/clip.wav.dvc. But DVC asks whether the folder `data/`, with
# a final slash, is ignored, and `/data/*` matches that (the star matches nothing). So DVC does not enter the folder:
# `dvc status`, `dvc push` and `dvc pull` without a target do not know the file, and exit with 0. With `/data/?*` and
# `/data/raw/?*`, which git reads the same way, DVC finds it.
#
# Output seen:
#     tracked by git: data/raw/clip.wav.dvc
#     with *: Everything is up to date.
#     with ?*: 1 file pushed
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet dvc==3.67.1 scmrepo==3.6.2 dulwich==1.2.21
export PATH="$folder/venv/bin:$PATH" DVC_NO_ANALYTICS=1

mkdir "$folder/project" && cd "$folder/project"
git init --quiet && dvc init --quiet
dvc remote add --quiet --default store "$folder/store"
mkdir -p data/raw && echo "not really audio" >data/raw/clip.wav

push() { # what `dvc push` says, with the given pattern for "everything"
    printf '/data/%s\n!/data/raw/\n/data/raw/%s\n!/data/raw/*.dvc\n' "$1" "$1" >.gitignore
    rm -f data/raw/clip.wav.dvc
    dvc add --quiet data/raw/clip.wav
    git add --all
    dvc push | tail -n 1
}

star=$(push '*')
tracked=$(git ls-files data)
one_or_more=$(push '?*')
printf 'tracked by git: %s\nwith *: %s\nwith ?*: %s\n' "$tracked" "$star" "$one_or_more"
[ "$tracked" = data/raw/clip.wav.dvc ]
[ "$star" = "Everything is up to date." ]
[ "$one_or_more" = "1 file pushed" ]
echo "as described"
