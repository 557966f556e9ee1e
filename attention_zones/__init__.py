"""The code behind the scripts in the root.

The root imports this package; the package never imports the root: a model, a
tokenizer and flags are passed in as arguments. Nothing is imported here, so that
scripts that need only names of zones do not wait for TensorFlow.

What a zone is, and which zones are masked:
  zones          ONE table of zones; which tokens are Q and P; masks, controls
  draws          which tokens a control masks
  decodes        the grammar of the flags --mask_..., names of files
  sweep          the plan of the shared forward pass, and running it on a model

From JSON to answers:
  data_sets      ONE table of what differs between SQuAD and CMRC 2018
  squad_data     SQuAD's JSON to examples
  cmrc_data      CMRC 2018's words, labels and answer texts
  cjk            which characters BERT takes for Chinese words
  data_checks    what is unusual about a data set or vocabulary that can be read
  windows        examples to windows of tokens, their file, and its input_fn
  vocab_lines    the entries of a vocab.txt, empty lines among them
  tokenizer_settings   added tokens, the longest word
  sentencepiece_tokenizer   the tokens of English ALBERT, instead of word pieces
  character_alignment   which character of a passage is which of its tokens
  answer_head    logits, loss and candidates, in the graph
  answers        candidates to answer texts
  gold           where gold answers are, and how likely a decode finds them
  attention_mass   attention_mass.csv: how much attention each zone gets
  decoding       one sweep: its passes, its journals, its files
  runs           what a run is made of, and which files are of it
  definitions    what each zone does, as a digest
  version        the version of what is computed, the revision of the code
  recorded       what --output_dir says of flags that were not given
  passes         how a sweep is cut into passes, and which files there are
  shares         one sweep on several machines, a share of the questions on each
  prediction_files   BERT's JSON files, written from the journal
  run_records    journal, manifest, and what differs between two runs
  coverage       how much of the attention matrix a decode masks

Training:
  training       steps, resuming, the record of a training's settings
  checkpoints    which one is read, whether it is complete and fits the model
  checkpoint_names   what the names of variables say: architecture, answer head
  bundle_index   where in a checkpoint's file each tensor is
  seeds          random numbers from a hash of the seed and a name
  progress       one line of progress

Models of Hugging Face:
  convert_hf     a command: a model of transformers to a checkpoint
  hf_kind        what a folder is, and what is refused
  hf_names       what Hugging Face and Google call the same variable
  hf_vocab       vocabulary and added tokens
  safetensors_file   reads the tensors

Scores and figures:
  evaluators     ONE table of what differs between SQuAD's scores and CMRC 2018's
  scoring        EM and F1, as the official evaluator of SQuAD computes them
  cmrc_scoring   EM and F1, as the official evaluator of CMRC 2018 computes them
  sweep_files    which prediction files there are, and which lack
  sweep_scores   the score of each question in each file
  results_table  results.csv
  eval_pictures  the evaluator's curves
  metrics        ONE table: a metric's name, unit and colours in figures
  figure_panels  which panels a table becomes: its heads, its controls
  heatmap        draws tables, one panel each
  mass_figures   draws attention_mass.csv, and mass against effect
  figure_marks   which cells of a figure get a dot, from results.stats.csv
  figure_text    which text a figure can draw
  cases          a command: the questions whose answer masking changes most
  cases_page, marked_passage   its page, and a passage with answers marked

Which differences are more than chance:
  statistics     the formulas, each with its source
  question_traits, question_types   passages, lengths, wh-words
  effects        scores of questions to the rows of results.stats.csv
  readout        which cells masking can change at all
  contrasts      cells against cells
  controls       zones against their controls, results.controls.csv
  strata         by question type, lengths, place and words of the answer
  stats_tables   CSV, LaTeX, and the last lines of get_results.py
  stats_files    which files of statistics are written, what they need
  sample         a command: a part of a data set, in whole paragraphs

Files and the machine:
  flag_checks    which flags of run_squad.py are refused
  files          local files and gs://, written completely or not at all; locks
  checked_json, file_kinds   reading JSON files, and what is wrong with them
  path_checks    which paths are refused, and why
  interrupts     Ctrl-C, SIGTERM, closed pipes
  precision      how exactly matrices are multiplied, and which machine can do it
  machine        the cores and the memory that this process may use
  gpu            the memory of a GPU, and what running out of memory looks like
"""
