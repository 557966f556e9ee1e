"""Files, machine, records, questions; knows no BERT.

  accelerator  the memory of a GPU, and what running out of memory looks like
  cjk          which characters BERT takes for Chinese words
  commands     the shell of a command: signals, flags, one-line errors, exit status
  csv_files    reading and writing tables of comma-separated values
  data_sets    ONE table of what --dataset chooses
  estimator    TensorFlow's estimator, on CPU, GPU and TPU; its cores
  file_kinds   what a file is that is not what it should be
  files        local files and gs://, written completely or not at all; locks
  interrupts   Ctrl-C, SIGTERM, closed pipes
  json_files   reading JSON files, and what is wrong with them
  journal      the answers of an unfinished sweep: their format, and reading them
  machine      the cores and the memory that this process may use
  manifest     which run made each file, and what differs between two runs
  passage_order
               the random order in which passages are predicted; what is
               finished of it
  path_checks  which paths are refused, and why
  precision    how exactly matrices are multiplied, and which machine can do it
  progress     one line of progress
  questions    the questions of a data set, where an answer stands in its passage
  scripts.sh   what train_squad.sh and decode_squad.sh share
  seeds        random numbers from a hash of the seed and a name
  version      the version of what is computed, the revision of the code
"""
