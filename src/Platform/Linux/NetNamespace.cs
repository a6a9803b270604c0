using System.Runtime.ExceptionServices;
using System.Runtime.InteropServices;

namespace Capbox.Platform.Linux;

/// <summary>struct stat, stat(2), x86-64: which file it is.</summary>
[StructLayout(LayoutKind.Explicit, Size = 144)]
internal struct FileStat
{
    [FieldOffset(0)] public ulong Device;
    [FieldOffset(8)] public ulong Inode;
    [FieldOffset(24)] public uint Mode;
}

/// <summary>What lies at a path is no network namespace.</summary>
internal sealed class NotANamespaceException(string message) : IOException(message);

/// <summary>
/// A network namespace that is held open (network_namespaces(7)), named as ip-netns(8) does or by a path. As long as it is held the kernel keeps it alive with all that is in it, and
/// every socket made in it does so too: whoever holds one asks <see cref="IsCurrent"/> now and then, and lets go of all when the owner has removed it.
/// </summary>
internal sealed unsafe class NetNamespace : IDisposable
{
    private const int CLONE_NEWNET = 0x40000000;

    /// <summary>ioctl_ns(2): the CLONE_NEW flag of the namespace that a file stands for.</summary>
    private const nuint NS_GET_NSTYPE = 0xB703;

    /// <summary>Where ip-netns(8) keeps names; /var/run is a link to /run nearly everywhere.</summary>
    private static readonly string[] s_directories = ["/run/netns/", "/var/run/netns/"];

    private readonly FileDescriptor _fd;
    private readonly FileStat _identity;

    private NetNamespace(string path, FileDescriptor fd, FileStat identity)
    {
        Path = path;
        _fd = fd;
        _identity = identity;
    }

    /// <summary>Where it was found.</summary>
    public string Path { get; }

    /// <summary>False when nothing, or another namespace, is at the path now. This one is then only kept by those who hold it.</summary>
    public bool IsCurrent
    {
        get
        {
            FileStat now = default;
            return LibC.stat(Path, &now) == 0 && now.Device == _identity.Device && now.Inode == _identity.Inode;
        }
    }

    /// <summary>The path that a name or a path stands for. A name that is nowhere stands for a file in /run/netns.</summary>
    public static string PathOf(string netns)
    {
        if (netns.StartsWith('/'))
            return netns;
        return s_directories.Select(directory => directory + netns).FirstOrDefault(File.Exists) ?? s_directories[0] + netns;
    }

    /// <summary>Opens it; null if there is nothing at the path, or the process there has ended.</summary>
    /// <param name="netns">Name or absolute path.</param>
    /// <exception cref="NotANamespaceException">What is there is no network namespace. The message names the path.</exception>
    /// <exception cref="IOException">It may not be opened. The message names the path.</exception>
    public static NetNamespace? TryOpen(string netns)
    {
        string path = PathOf(netns);
        // Not blocking: the path may be a pipe's.
        int number = LibC.open(path, LibC.O_RDONLY | LibC.O_CLOEXEC | LibC.O_NONBLOCK, 0);
        if (number < 0)
        {
            int errno = Marshal.GetLastPInvokeError();
            return errno is LibC.ENOENT or LibC.ESRCH ? null : throw new IOException($"network namespace {path}: {LibC.ErrorText(errno)}");
        }

        var fd = new FileDescriptor(number);
        FileStat identity = default;
        if (LibC.ioctl(number, NS_GET_NSTYPE, null) == CLONE_NEWNET && LibC.fstat(number, &identity) == 0)
            return new NetNamespace(path, fd, identity);
        fd.Dispose();
        throw new NotANamespaceException($"{path} is no network namespace");
    }

    /// <summary>
    /// Does something inside, on a thread of its own that ends with it: setns(2) moves a thread for good, so no thread that has other work, and none of the pool, may do it. A socket
    /// or device that is opened there belongs to the namespace and is used from any thread afterwards. <paramref name="work"/> starts no thread, task or timer: those would stay inside.
    /// </summary>
    /// <returns>What <paramref name="work"/> returned; what it threw is thrown here.</returns>
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
        int errno = Marshal.GetLastPInvokeError();
        string hint = errno == LibC.EPERM ? "; entering it needs root or CAP_SYS_ADMIN" : "";
        throw new IOException($"network namespace {Path}: {LibC.ErrorText(errno)}{hint}");
    }
}
