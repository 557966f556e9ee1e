"""A sweep, down to prediction files.

  answer_head       logits, loss and candidates, in the graph
  answers           candidates to answer texts
  attention_mass    attention_mass.csv: how much attention each zone gets
  decoding          one sweep: its passes, its journals, its files
  flag_checks       which flags of run_squad.py are refused
  gold              where gold answers are, and how likely a decode finds them
  loaded            a model that answers from Python, and writes no file
  journal_writer    appends answers to the journal, which a sweep resumes from
  passes            how a sweep is cut into passes, and which files there are
  prediction_files  BERT's JSON files, written from the journal
  recorded          what --output_dir says of flags that were not given
  runs              what a run is made of, and which files are of it
  shares            one sweep on several machines, a share of the questions on
                    each
  sweep             one forward pass that all decodes share, run on a model
  sweep_plan        which decodes of it are computed together
"""
