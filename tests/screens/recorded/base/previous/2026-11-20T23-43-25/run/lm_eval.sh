#!/bin/sh
# The same evaluation with lm-evaluation-harness itself.
lm_eval run --model hf --model_args pretrained=@WORKSPACE@/models/islands-400k --tasks demo_instructions,demo_knowledge --limit 40 --batch_size auto --output_path lm_eval_output --log_samples --device cpu --include_path @TASKS@ --seed 0,1234,1234,1234
