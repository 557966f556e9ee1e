"""Prediction files to cells.

  cmrc_scoring   EM and F1, as the official evaluator of CMRC 2018 computes them
  evaluators     a data set to score with, and its flags
  folder_scores  the score of each question in each file
  interim        a sweep that is not finished, as if it were of fewer passages
  metrics        ONE table: the values of a metric, its names, unit and colours
  predictions    which prediction files there are, and which lack
  results_table  results.csv
  scoring        EM and F1, as the official evaluator of SQuAD computes them
  sweeps         the answers of one folder
"""
