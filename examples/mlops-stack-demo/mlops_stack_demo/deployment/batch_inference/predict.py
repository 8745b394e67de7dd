"""Predicts the fare of every ride of a table or a CSV file with the trained model."""

import argparse
import csv
import json


def predict(model, rows):
    """Returns the rows with a predicted fare each."""
    return [
        {**row, "predicted_fare": round(model["base"] + model["rate"] * float(row["trip_distance"]), 2)}
        for row in rows
    ]


def predict_files(args):
    with open(args.model, encoding="utf-8") as f:
        model = json.load(f)
    with open(args.input, newline="", encoding="utf-8") as f:
        rows = predict(model, list(csv.DictReader(f)))
    if not rows:
        raise SystemExit(f"{args.input} has no rows")
    with open(args.output, "w", newline="", encoding="utf-8") as f:
        writer = csv.DictWriter(f, fieldnames=list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    return len(rows)


def latest_version(name):
    """Returns the number of the newest version of a registered model."""
    from mlflow import MlflowClient

    versions = MlflowClient(registry_uri="databricks-uc").search_model_versions(f"name='{name}'")
    if not versions:
        raise SystemExit(f"model {name} has no version yet: run the training job first")
    return max(int(v.version) for v in versions)


def predict_tables(args):
    import mlflow
    from pyspark.sql import SparkSession, functions

    mlflow.set_registry_uri("databricks-uc")
    spark = SparkSession.builder.getOrCreate()
    model = mlflow.pyfunc.spark_udf(spark, f"models:/{args.model}/{latest_version(args.model)}")
    fares = spark.table(args.input).withColumn("predicted_fare", model(functions.struct("trip_distance")))
    fares.write.mode("overwrite").saveAsTable(args.output)
    return fares.count()


def main(argv=None):
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", required=True, help="FILE.json, or CATALOG.SCHEMA.MODEL")
    parser.add_argument("--input", required=True, help="FILE.csv, or CATALOG.SCHEMA.TABLE")
    parser.add_argument("--output", required=True, help="FILE.csv, or CATALOG.SCHEMA.TABLE")
    args = parser.parse_args(argv)
    count = predict_files(args) if args.input.endswith(".csv") else predict_tables(args)
    print(f"{count} fares written to {args.output}")


if __name__ == "__main__":
    main()
