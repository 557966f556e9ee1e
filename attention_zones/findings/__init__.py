"""Cells to what is real.

  contrasts        cells against cells
  controls         zones against their controls, results.controls.csv
  effects          scores of questions to the rows of results.stats.csv
  flips            which questions a cell loses and gains
  formulas         each test and interval, with its source
  question_traits  passages, lengths, place of the answer
  question_types   types of questions, by their wh-words
  readout          which cells masking can change at all
  report           which files of statistics are written, what they need
  shapley          which zones stand in for each other, results.shapley.csv
  strata           by question type, lengths, place and words of the answer
  student_t        Student's t distribution
  tables           CSV, LaTeX, and the last lines of get_results.py
"""
