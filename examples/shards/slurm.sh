#!/bin/bash
#SBATCH --array=1-8
# Eight parts on as many nodes, which leave their records in a shared folder. Then: flakeproof merge parts
flakeproof run tests/test_stock.py -c 100000 --shard auto --store "parts/$SLURM_ARRAY_TASK_ID"
