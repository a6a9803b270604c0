// SPDX-FileCopyrightText: 2026 The capbox authors
// SPDX-License-Identifier: Apache-2.0

using System.Net.Sockets;
using Capbox.Packets.Storage;
using Capbox.Platform.Linux;

namespace Capbox.LocalSocket;

/// <summary>
/// Where the socket is: "control" in the archive's state directory. An address has room for 107 bytes (sun_path, unix(7)) and an archive's
/// path may be longer, so the
/// directory is opened and named through /proc/self/fd.
/// </summary>
internal sealed class ControlAddress : IDisposable
{
    public const string Name = "control";
    private readonly FileDescriptor _directory;

    /// <param name="archive">The archive.</param>
    /// <exception cref="IOException">Its state directory cannot be opened; errno is in <see
    /// cref="System.Runtime.InteropServices.Marshal.GetLastPInvokeError"/>.</exception>
    public ControlAddress(string archive)
    {
        Path = ArchiveDirectory.StatePath(System.IO.Path.GetFullPath(archive), Name);
        string directory = System.IO.Path.GetDirectoryName(Path)!;
        int fd = LibC.open(directory, FileNumbers.O_RDONLY | FileNumbers.O_DIRECTORY | FileNumbers.O_CLOEXEC, 0);
        _directory = fd >= 0 ? new FileDescriptor(fd) : throw new IOException($"{directory}: {Errno.LastText()}");
    }

    /// <summary>As people know it.</summary>
    public string Path { get; }

    /// <summary>As the kernel is told; valid until <see cref="Dispose"/>.</summary>
    public UnixDomainSocketEndPoint EndPoint => new(ShortPath);

    public string ShortPath => $"/proc/self/fd/{_directory.Value}/{Name}";

    public void Dispose() => _directory.Dispose();
}
