"""The only way to and from disk: atomic saves, strict JSON, strict safetensors.

What comes from a file is data. It is checked before it is used, it never names something to import, and whatever is wrong
with it ends in a `FileRefused` that says which file, what was expected and what came.
"""

from evolvent.files.disk import lacks_room, read_bytes, remove_leftovers, room_needed, save_atomically, sync_folder
from evolvent.files.records import refuse_leftovers, take, take_list, take_object, take_objects
from evolvent.files.strict_json import JsonObject, JsonValue, dump_json, parse_json, parse_object
from evolvent.files.tensors import pack_tensors, read_tensors, unpack_tensors

__all__ = [
    "JsonObject",
    "JsonValue",
    "dump_json",
    "lacks_room",
    "pack_tensors",
    "parse_json",
    "parse_object",
    "read_bytes",
    "read_tensors",
    "refuse_leftovers",
    "remove_leftovers",
    "room_needed",
    "save_atomically",
    "sync_folder",
    "take",
    "take_list",
    "take_object",
    "take_objects",
    "unpack_tensors",
]
