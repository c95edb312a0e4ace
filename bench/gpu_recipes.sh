#!/bin/sh
# All recipes after equal time on one GPU: `sh bench/gpu_recipes.sh` lists the runs, and
# `sh bench/gpu_recipes.sh 4` does the fourth, in under ten minutes. `dvc exp show` has the results.
# Before it: `dvc repro crop train_features`. Each run is an experiment of DVC's of its own.
set -eu

wanted=${1:-}
number=0
for seed in 0 1 2; do
    for recipe in scenefill scenefill-laptop scenefill-smooth ganscape glcic wgan pix2pix outpaint basquiat; do
        number=$((number + 1))
        if [ -z "$wanted" ]; then
            echo "$number: $recipe, seed $seed"
        fi
        [ "$number" = "$wanted" ] || continue
        name=${recipe%%-*}
        set -- -S "train.recipe=$name" -S "train.seed=$seed" -S 'train.budget="7 minutes"' -S train.batch_size=256
        case $recipe in
            scenefill) set -- "$@" -S recipes.scenefill.preset=datacenter_gpu ;;
            scenefill-laptop) set -- "$@" -S recipes.scenefill.preset=laptop_gpu ;;
            scenefill-smooth) set -- "$@" -S recipes.scenefill.preset=datacenter_gpu -S recipes.scenefill.detail=0 ;;
            *) set -- "$@" -S "recipes.$name.width=64" ;;
        esac
        exec dvc exp run -n "gpu-$recipe-$seed" "$@" evaluate
    done
done
