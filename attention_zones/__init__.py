"""The code behind the scripts in the root.

The root imports this package; the package never imports the root: a model, a
tokenizer and flags are passed in as arguments. Nothing is imported here, so that
scripts that need only names of zones do not wait for TensorFlow.

What a zone is, and which zones are masked:
  zones          ONE table of zones; which tokens are Q and P; additive masks
  decodes        the grammar of --mask_layer and --mask_zone, names of files
  sweep          the plan of the shared forward pass, and running it on a model

From JSON to answers:
  squad_data     SQuAD's JSON to examples
  data_checks    what is unusual about a data set or vocabulary that can be read
  windows        examples to windows of tokens, their file, and its input_fn
  answer_head    logits, loss and candidates, in the graph
  answers        candidates to answer texts
  decoding       one sweep: its passes, its journals, its files
  prediction_files   BERT's JSON files, written from the journal
  run_records    journal, manifest, and what differs between two runs

Training:
  training       steps, resuming, the record of a training's settings
  checkpoints    which one is read, whether it is complete and fits the model
  bundle_index   where in a checkpoint's file each tensor is
  seeds          random numbers from a hash of the seed and a name
  progress       one line of progress

Scores and figures:
  scoring        EM and F1, as the official evaluator computes them
  results_table  results.csv
  eval_pictures  the evaluator's curves
  figure_text    which text a figure can draw

Files and the machine:
  files          local files and gs://, written completely or not at all; locks
  checked_json, file_kinds   reading JSON files, and what is wrong with them
  path_checks    which paths are refused, and why
  interrupts     Ctrl-C, SIGTERM, closed pipes
  precision      how exactly matrices are multiplied, and which machine can do it
  machine        the cores and the memory that this process may use
"""
