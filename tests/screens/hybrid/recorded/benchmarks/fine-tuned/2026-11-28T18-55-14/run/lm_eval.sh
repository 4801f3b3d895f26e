#!/bin/sh
# lm-evaluation-harness has no model that answers as the backend hybrid does.
