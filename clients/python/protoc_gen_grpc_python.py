"""Runs the plugin that grpcio-tools has built into its protoc in the way in which buf runs plugins."""

import pathlib
import subprocess
import sys
import tempfile

from google.protobuf.compiler.plugin_pb2 import CodeGeneratorRequest, CodeGeneratorResponse
from google.protobuf.descriptor_pb2 import Edition, FileDescriptorSet

request = CodeGeneratorRequest.FromString(sys.stdin.buffer.read())
response = CodeGeneratorResponse(
    supported_features=CodeGeneratorResponse.FEATURE_PROTO3_OPTIONAL | CodeGeneratorResponse.FEATURE_SUPPORTS_EDITIONS,
    minimum_edition=Edition.EDITION_PROTO2,
    maximum_edition=Edition.EDITION_2023,
)
with tempfile.TemporaryDirectory() as folder:
    files, out = pathlib.Path(folder, "files"), pathlib.Path(folder, "out")
    files.write_bytes(FileDescriptorSet(file=request.proto_file).SerializeToString())
    out.mkdir()
    protoc = [sys.executable, "-m", "grpc_tools.protoc", f"--descriptor_set_in={files}", f"--grpc_python_out={out}"]
    subprocess.run([*protoc, *request.file_to_generate], check=True)
    for path in sorted(out.rglob("*.py")):
        response.file.add(name=str(path.relative_to(out)), content=path.read_text())
sys.stdout.buffer.write(response.SerializeToString())
