"""What paired samples show and how surely: tests, intervals, corrections, power, and looking while a run goes on."""
