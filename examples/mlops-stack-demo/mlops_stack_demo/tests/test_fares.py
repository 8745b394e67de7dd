"""Run with: python3 -m unittest discover -s tests"""

import csv
import importlib.util
import json
import pathlib
import tempfile
import unittest

PROJECT = pathlib.Path(__file__).resolve().parent.parent


def script(path):
    spec = importlib.util.spec_from_file_location(pathlib.Path(path).stem, PROJECT / path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


train = script("training/train.py")
predict = script("deployment/batch_inference/predict.py")


class Training(unittest.TestCase):
    def test_a_line_is_found(self):
        model = train.fit([(d, 3 + 2.5 * d) for d in (1.0, 2.0, 4.0, 8.0)])
        self.assertAlmostEqual(model["base"], 3)
        self.assertAlmostEqual(model["rate"], 2.5)
        self.assertAlmostEqual(train.rmse(model, [(3.0, 10.5)]), 0)

    def test_too_few_rides_are_an_error(self):
        with self.assertRaises(ValueError):
            train.fit([(1.0, 5.0)])

    def test_rides_of_one_length_are_an_error(self):
        with self.assertRaises(ValueError):
            train.fit([(1.0, 5.0), (1.0, 6.0)])

    def test_a_split_keeps_every_ride_and_repeats_itself(self):
        rides = [(float(i), float(i)) for i in range(10)]
        first, second = train.split(rides)
        self.assertEqual(len(first), 8)
        self.assertEqual(sorted(first + second), rides)
        self.assertEqual(train.split(rides), (first, second))


class FromFileToFile(unittest.TestCase):
    def test_what_is_trained_predicts(self):
        with tempfile.TemporaryDirectory() as folder:
            model, output = f"{folder}/model.json", f"{folder}/predictions.csv"
            trips = str(PROJECT / "training/data/trips.csv")
            train.main(["--input", trips, "--model", model])
            predict.main(["--model", model, "--input", trips, "--output", output])
            with open(model, encoding="utf-8") as f:
                self.assertGreater(json.load(f)["rate"], 0)
            with open(output, newline="", encoding="utf-8") as f:
                rows = list(csv.DictReader(f))
        self.assertEqual(len(rows), 120)
        self.assertAlmostEqual(float(rows[0]["predicted_fare"]), float(rows[0]["fare_amount"]), delta=6)


if __name__ == "__main__":
    unittest.main()
