#!/bin/sh
# The same evaluation with lm-evaluation-harness itself.
# lm_eval applies each model's own chat template; benchtui applied the one in plan.json.
lm_eval run --model hf --model_args pretrained=@WORKSPACE@/models/islands-400k --tasks demo_instructions,demo_knowledge --limit 40 --batch_size auto --output_path lm_eval_output --log_samples --device cpu --apply_chat_template --include_path @TASKS@ --seed 0,1234,1234,1234
