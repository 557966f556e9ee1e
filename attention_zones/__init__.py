"""The code behind the scripts in the root, in eight rooms.

The root imports this package; the package never imports the root: a model, a
tokenizer and flags are passed in as arguments. Nothing is imported here, so that
scripts that need only names of zones do not wait for TensorFlow.

  base       files, machine, records, questions; knows no BERT
  zones      what is masked, and what it is called
Making predictions:
  data       JSON to windows, spans to text
  weights    where weights come from
  decoding   a sweep, down to prediction files
Reading them:
  scores     prediction files to cells
  findings   cells to what is real
  figures    what people look at

The two wings never import each other: they meet in files. Each room's __init__.py
says what its modules do. Commands stand here:

  cases       a page of the heatmap and of the questions behind each cell
  sample      a part of a data set, in whole passages
  convert_hf  a model of Hugging Face to a checkpoint
"""
