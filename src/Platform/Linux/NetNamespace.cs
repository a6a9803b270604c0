// SPDX-FileCopyrightText: 2026 The capbox authors
// SPDX-License-Identifier: Apache-2.0

using System.Runtime.ExceptionServices;

namespace Capbox.Platform.Linux;

/// <summary>The file at a path is no network namespace.</summary>
internal sealed class NotANamespaceException(string message) : IOException(message);

/// <summary>
/// An open network namespace (network_namespaces(7)), named as ip-netns(8) does or by a path. The kernel keeps it alive with all
/// its interfaces as long as it, or a socket made in it, is open: the holder checks <see cref="IsCurrent"/> now and then, and
/// closes all when the owner has removed it.
/// </summary>
[CHeaders("sched.h", "linux/nsfs.h")]
internal sealed unsafe class NetNamespace : IDisposable
{
    private const int CLONE_NEWNET = 0x40000000;

    /// <summary>ioctl_ns(2): the CLONE_NEW flag of the namespace that a file stands for.</summary>
    private const nuint NS_GET_NSTYPE = 0xB703;

    /// <summary>The directories of ip-netns(8); /var/run is a link to /run nearly everywhere.</summary>
    private static readonly string[] s_directories = ["/run/netns/", "/var/run/netns/"];

    private readonly FileDescriptor _fd;
    private readonly FileStat _identity;

    private NetNamespace(string path, FileDescriptor fd, FileStat identity)
    {
        Path = path;
        _fd = fd;
        _identity = identity;
    }

    /// <summary>The path that it was opened by.</summary>
    public string Path { get; }

    /// <summary>False when the path has no namespace now, or another one. Only its holders keep this one alive then.</summary>
    public bool IsCurrent
    {
        get
        {
            FileStat now = default;
            return LibC.stat(Path, &now) == 0 && now.Device == _identity.Device && now.Inode == _identity.Inode;
        }
    }

    /// <summary>The path of a namespace by name or path. An unknown name becomes a file in /run/netns.</summary>
    public static string PathOf(string netns)
    {
        if (netns.StartsWith('/'))
            return netns;
        return s_directories.Select(directory => directory + netns).FirstOrDefault(File.Exists) ?? s_directories[0] + netns;
    }

    /// <summary>Opens a namespace; null if the path does not exist, or its process has ended.</summary>
    /// <param name="netns">Name or absolute path.</param>
    /// <exception cref="NotANamespaceException">The file is no network namespace. The message names the path.</exception>
    /// <exception cref="IOException">The file may not be opened. The message names the path.</exception>
    public static NetNamespace? TryOpen(string netns)
    {
        string path = PathOf(netns);
        // Not blocking: the path may be a pipe's.
        int number = LibC.open(path, FileNumbers.O_RDONLY | FileNumbers.O_CLOEXEC | FileNumbers.O_NONBLOCK, 0);
        if (number < 0)
        {
            int errno = Errno.Last;
            return errno is Errno.ENOENT or Errno.ESRCH ? null : throw new IOException($"network namespace {path}: {Errno.Text(errno)}");
        }

        var fd = new FileDescriptor(number);
        FileStat identity = default;
        if (LibC.ioctl(number, NS_GET_NSTYPE, null) == CLONE_NEWNET && LibC.fstat(number, &identity) == 0)
            return new NetNamespace(path, fd, identity);
        fd.Dispose();
        throw new NotANamespaceException($"{path} is no network namespace");
    }

    /// <summary>
    /// Runs <paramref name="work"/> in the namespace, on a thread of its own that ends with it: setns(2) moves a thread for good,
    /// so that neither a thread with other work nor one of the pool may call it. A socket or device that is opened there belongs to
    /// the namespace and is used from any thread afterwards. <paramref name="work"/> starts no thread, task or timer: those would
    /// stay in the namespace.
    /// </summary>
    /// <returns>The result of <paramref name="work"/>; its exception is thrown here.</returns>
    /// <exception cref="IOException">The namespace may not be entered; the message names its path.</exception>
    public T Run<T>(Func<T> work)
    {
        T result = default!;
        ExceptionDispatchInfo? failure = null;
        var thread = new Thread(() =>
        {
            try
            {
                Enter();
                result = work();
            }
            catch (Exception e)
            {
                failure = ExceptionDispatchInfo.Capture(e);
            }
        })
        {
            IsBackground = true,
            Name = "capbox-netns",
        };
        thread.Start();
        thread.Join();
        failure?.Throw();
        return result;
    }

    public void Dispose() => _fd.Dispose();

    private void Enter()
    {
        if (LibC.setns(_fd.Value, CLONE_NEWNET) == 0)
            return;
        int errno = Errno.Last;
        string hint = errno == Errno.EPERM ? "; entering it needs root or CAP_SYS_ADMIN" : "";
        throw new IOException($"network namespace {Path}: {Errno.Text(errno)}{hint}");
    }
}
