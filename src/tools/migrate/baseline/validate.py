"""Runs Ultralytics' own validation over annotated images, and hands on what it found: the scoring is the caller's.

Called with the name of a file that holds one JSON object: model, device, half, size, pictures {number: file}, folder: an empty one, for all that is written.
The last line printed is one JSON object: torch, ran. In the file `found` of that folder a list [{number, class, score, box: [x, y, width, height],
mask: COCO's compressed run lengths, keypoints: [x, y, visibility, ...]}].
"""
import json
import os
import shutil
import sys

with open(sys.argv[1]) as told:
    wish = json.load(told)
os.environ["YOLO_AUTOINSTALL"] = "false"  # a measurement installs nothing
os.environ["YOLO_VERBOSE"] = "false"
os.environ["YOLO_OFFLINE"] = "true"
os.environ["YOLO_CONFIG_DIR"] = wish["folder"]
for place in (wish["folder"], os.path.join(wish["folder"], "Ultralytics")):
    os.makedirs(place, exist_ok=True)
    open(os.path.join(place, "Arial.ttf"), "w").close()  # of no use here, and not to be fetched


def data_set(model):
    """The images under their numbers, in Ultralytics' layout, beside nothing: it leaves files next to them."""
    folder = os.path.join(wish["folder"], "data", "images")
    os.makedirs(folder)
    for number, file in wish["pictures"].items():
        name = os.path.join(folder, number + os.path.splitext(file)[1])
        with open(file, "rb") as picture:
            whole = picture.read(2) != b"\xff\xd8" or picture.seek(-2, os.SEEK_END) and picture.read() == b"\xff\xd9"
        (os.symlink if whole else shutil.copyfile)(file, name)  # it mends JPEG files that lack their end where they lie
    data = {"path": os.path.dirname(folder), "train": "images", "val": "images", "names": dict(enumerate(model.names.values()))}
    shape = getattr(model.model.model[-1], "kpt_shape", None)
    if shape is not None:
        data["kpt_shape"] = list(shape)
    path = os.path.join(wish["folder"], "data.yaml")
    with open(path, "w") as file:
        json.dump(data, file)  # JSON is YAML
    return path


def main():
    import torch
    import ultralytics

    model = ultralytics.YOLO(wish["model"])
    found, answer = [], {"torch": torch.__version__}

    def keep(validator):
        classes = {category: i for i, category in enumerate(validator.class_map)}
        answer["ran"] = "float16" if getattr(validator.args, "half", False) or getattr(validator.args, "quantize", None) == 16 \
            else "float32"
        for one in validator.jdict:
            row = {"number": str(one["image_id"]), "class": classes[one["category_id"]], "score": one["score"], "box": one["bbox"]}
            if "segmentation" in one:
                row["mask"] = one["segmentation"]
            if "keypoints" in one:
                row["keypoints"] = one["keypoints"]
            found.append(row)

    model.add_callback("on_val_end", keep)
    size = {"imgsz": wish["size"]} if wish["size"] else {}
    model.val(data=data_set(model), **size, half=wish["half"], device=wish["device"], conf=0.001, iou=0.7, max_det=300,
              rect=False, save_json=True, plots=False, verbose=False, workers=0, batch=8,
              project=wish["folder"], name="val")
    with open(os.path.join(wish["folder"], "found"), "w") as file:
        json.dump(found, file)
    print(json.dumps(answer))


main()
