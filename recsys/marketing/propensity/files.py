"""What a run leaves of its users: names of files in its folder."""

USERS, PREDICTIONS = "users.parquet", "predictions.parquet"
