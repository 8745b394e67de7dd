"""Trains the taxi fare model: fare = base + rate * distance, by least squares.

The input is a CSV file or a table, the model a JSON file or a registered model of Unity Catalog.
"""

import argparse
import csv
import json
import math
import random


def read_rows(source):
    """Returns the rides as (distance, fare) pairs; rides without either are left out."""
    if source.endswith(".csv"):
        with open(source, newline="", encoding="utf-8") as f:
            rows = list(csv.DictReader(f))
    else:
        from pyspark.sql import SparkSession  # only on Databricks

        table = SparkSession.builder.getOrCreate().table(source)
        rows = [row.asDict() for row in table.select("trip_distance", "fare_amount").collect()]
    rides = [(row["trip_distance"], row["fare_amount"]) for row in rows]
    return [(float(d), float(f)) for d, f in rides if d not in (None, "") and f not in (None, "")]


def split(rides, share=0.8, seed=7):
    """Returns rides to train on and rides to test with; the same seed splits the same way."""
    shuffled = rides[:]
    random.Random(seed).shuffle(shuffled)
    cut = round(len(shuffled) * share)
    return shuffled[:cut], shuffled[cut:]


def fit(rides):
    """Returns the model that fits the rides best."""
    n = len(rides)
    if n < 2:
        raise ValueError(f"cannot fit a line to {n} rides")
    mean_d = sum(d for d, _ in rides) / n
    mean_f = sum(f for _, f in rides) / n
    spread = sum((d - mean_d) ** 2 for d, _ in rides)
    if spread == 0:
        raise ValueError("cannot fit a line: all rides are equally long")
    rate = sum((d - mean_d) * (f - mean_f) for d, f in rides) / spread
    return {"base": mean_f - rate * mean_d, "rate": rate}


def rmse(model, rides):
    """Returns the root of the mean squared error of the model on the rides."""
    errors = [(model["base"] + model["rate"] * d - f) ** 2 for d, f in rides]
    return math.sqrt(sum(errors) / len(errors))


def save(model, error, args):
    """Writes the model to a JSON file, or registers it."""
    if args.model.endswith(".json"):
        with open(args.model, "w", encoding="utf-8") as f:
            json.dump(model, f, indent=2)
            f.write("\n")
        return
    import mlflow
    import pandas as pd

    class FareModel(mlflow.pyfunc.PythonModel):
        def __init__(self, parameters):
            self.parameters = parameters

        def predict(self, context, model_input, params=None):
            return self.parameters["base"] + self.parameters["rate"] * model_input["trip_distance"]

    example = pd.DataFrame({"trip_distance": [1.0, 5.0]})
    registered = FareModel(model)
    mlflow.set_registry_uri("databricks-uc")
    mlflow.set_experiment(args.experiment)
    with mlflow.start_run():
        mlflow.log_params(model)
        mlflow.log_metric("rmse", error)
        mlflow.pyfunc.log_model(
            artifact_path="model",
            python_model=registered,
            signature=mlflow.models.infer_signature(example, registered.predict(None, example)),
            registered_model_name=args.model,
        )


def main(argv=None):
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--input", required=True, help="FILE.csv, or CATALOG.SCHEMA.TABLE")
    parser.add_argument("--model", required=True, help="FILE.json, or CATALOG.SCHEMA.MODEL")
    parser.add_argument("--experiment", help="where the run is tracked on Databricks")
    args = parser.parse_args(argv)
    training, testing = split(read_rows(args.input))
    model = fit(training)
    error = rmse(model, testing)
    save(model, error, args)
    print(f"fare = {model['base']:.2f} + {model['rate']:.2f} * distance, rmse {error:.2f} on {len(testing)} rides")


if __name__ == "__main__":
    main()
