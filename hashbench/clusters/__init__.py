"""Schedulers of clusters behind one small face: submit runs, cancel jobs, ask which jobs live."""
