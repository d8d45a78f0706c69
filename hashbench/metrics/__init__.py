"""Pure functions of codes and labels: ranking, tests of significance, leak evidence."""
