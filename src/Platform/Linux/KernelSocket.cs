using System.Runtime.InteropServices;
using System.Text;
using static Capbox.Platform.Linux.SocketNumbers;

namespace Capbox.Platform.Linux;

/// <summary>struct pollfd, poll(2).</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct PollEntry
{
    public int Fd;
    public short Wanted;
    public short Happened;
}

/// <summary>struct msghdr, recvmsg(2), x86-64: 56 bytes.</summary>
[StructLayout(LayoutKind.Explicit, Size = 56)]
internal unsafe struct MessageHead
{
    [FieldOffset(0)] public void* Name;
    [FieldOffset(8)] public uint NameBytes;
    [FieldOffset(16)] public IoVector* Vectors;
    [FieldOffset(24)] public nuint VectorCount;
    [FieldOffset(32)] public void* Control;
    [FieldOffset(40)] public nuint ControlBytes;
    [FieldOffset(48)] public int Flags;
}

/// <summary>struct sock_filter, linux/filter.h.</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct FilterStep(ushort code, byte ifTrue, byte ifFalse, uint operand)
{
    public ushort Code = code;
    public byte IfTrue = ifTrue;
    public byte IfFalse = ifFalse;
    public uint Operand = operand;
}

/// <summary>
/// A socket of the network namespace of the thread that makes it; used from any thread afterwards, one at a time. Never blocks. Allocates nothing after it was set up.
/// </summary>
internal sealed unsafe partial class KernelSocket : IDisposable
{
    private readonly FileDescriptor _fd;
    private readonly string _what;

    /// <param name="what">How errors call it: <c>eth0 UDP 319</c>.</param>
    /// <exception cref="IOException">The kernel refuses; the message begins with <paramref name="what"/>.</exception>
    public KernelSocket(int family, int type, int protocol, string what)
    {
        _what = what;
        int fd = SystemCalls.socket(family, type | SystemCalls.SOCK_CLOEXEC | SOCK_NONBLOCK, protocol);
        _fd = fd >= 0 ? new FileDescriptor(fd) : throw Refused("open socket");
    }

    /// <summary>For poll(2); valid while this object lives.</summary>
    public int Fd => _fd.Value;

    /// <exception cref="IOException">The kernel refuses; the message tells <paramref name="purpose"/>.</exception>
    public void Set(int level, int option, int value, string purpose) => Set(level, option, MemoryMarshal.AsBytes(new ReadOnlySpan<int>(in value)), purpose);

    /// <inheritdoc cref="Set(int, int, int, string)"/>
    public void Set(int level, int option, ReadOnlySpan<byte> value, string purpose)
    {
        if (!TrySet(level, option, value))
            throw Refused(purpose);
    }

    /// <summary>Sets what not every kernel knows.</summary>
    public bool TrySet(int level, int option, ReadOnlySpan<byte> value)
    {
        fixed (byte* at = value)
            return setsockopt(_fd.Value, level, option, at, (uint)value.Length) == 0;
    }

    /// <summary>Sends and receives by one interface alone (SO_BINDTODEVICE).</summary>
    public void BindToDevice(string name) => Set(SOL_SOCKET, SO_BINDTODEVICE, Encoding.UTF8.GetBytes(name + '\0'), "bind to the interface");

    /// <summary>Lets only through what a classic BPF program does (SO_ATTACH_FILTER).</summary>
    /// <exception cref="IOException">The kernel refuses the program.</exception>
    public void Filter(ReadOnlySpan<FilterStep> program)
    {
        fixed (FilterStep* at = program)
        {
            // struct sock_fprog: length, and a pointer at 8.
            Span<ulong> value = [(ulong)program.Length, (ulong)at];
            Set(SOL_SOCKET, SO_ATTACH_FILTER, MemoryMarshal.AsBytes(value), "set the filter");
        }
    }

    /// <exception cref="IOException">The kernel refuses.</exception>
    public void Bind(ReadOnlySpan<byte> address, string purpose)
    {
        fixed (byte* at = address)
        {
            if (bind(_fd.Value, at, (uint)address.Length) != 0)
                throw Refused(purpose);
        }
    }

    /// <summary>Takes one message, or one of the error queue; see recvmsg(2) for <paramref name="flags"/>.</summary>
    public ReceiveResult Receive(Span<byte> data, Span<byte> name, Span<byte> control, int flags)
    {
        fixed (byte* dataAt = data, nameAt = name, controlAt = control)
        {
            IoVector vector = new() { Base = dataAt, Bytes = (nuint)data.Length };
            MessageHead head = new()
            {
                Name = nameAt,
                NameBytes = (uint)name.Length,
                Vectors = &vector,
                VectorCount = 1,
                Control = controlAt,
                ControlBytes = (nuint)control.Length,
            };
            long bytes = recvmsg(_fd.Value, &head, flags | MSG_DONTWAIT);
            return bytes < 0
                ? new(-Marshal.GetLastPInvokeError(), 0, 0, false)
                : new((int)bytes, (int)head.NameBytes, (int)head.ControlBytes, (head.Flags & (MSG_TRUNC | MSG_CTRUNC)) != 0);
        }
    }

    /// <summary>Sends one message; returns 0 or the errno.</summary>
    public int Send(ReadOnlySpan<byte> data, ReadOnlySpan<byte> to)
    {
        fixed (byte* dataAt = data, toAt = to)
        {
            long sent = sendto(_fd.Value, dataAt, (nuint)data.Length, MSG_DONTWAIT | MSG_NOSIGNAL, toAt, (uint)to.Length);
            return sent >= 0 ? 0 : Marshal.GetLastPInvokeError();
        }
    }

    /// <summary>Index of an interface of this socket's namespace; 0 if there is none of that name.</summary>
    public int InterfaceIndex(string name) => TryAsk(name, SIOCGIFINDEX, out InterfaceAnswer answer) ? answer.Number : 0;

    /// <summary>IFF_ flags of netdevice(7); 0 if there is no such interface.</summary>
    public int InterfaceFlags(string name) => TryAsk(name, SIOCGIFFLAGS, out InterfaceAnswer answer) ? answer.Number & 0xFFFF : 0;

    /// <summary>Copies six bytes.</summary>
    /// <exception cref="IOException">There is no such interface.</exception>
    public void CopyMac(string name, Span<byte> mac)
    {
        if (!TryAsk(name, SIOCGIFHWADDR, out InterfaceAnswer answer))
            throw Refused("read the MAC");
        // A struct sockaddr: two bytes of type before the address.
        new ReadOnlySpan<byte>(answer.Data + 2, mac.Length).CopyTo(mac);
    }

    /// <summary>Waits until one of them has something and notes at each what happened; returns how many have, 0 after the time or a signal.</summary>
    public static int Wait(Span<PollEntry> entries, int milliseconds)
    {
        fixed (PollEntry* at = entries)
        {
            int count = poll(at, (nuint)entries.Length, milliseconds);
            if (count > 0)
                return count;
        }

        // What was noted before is over.
        foreach (ref PollEntry entry in entries)
            entry.Happened = 0;
        return 0;
    }

    /// <summary>An error of this socket by errno.</summary>
    public IOException Refused(string purpose, int errno) => new($"{_what}: {purpose}: {SystemCalls.ErrorText(errno)}");

    public void Dispose() => _fd.Dispose();

    private IOException Refused(string purpose) => Refused(purpose, Marshal.GetLastPInvokeError());

    private bool TryAsk(string name, nuint request, out InterfaceAnswer answer)
    {
        answer = default;
        if (Encoding.UTF8.GetByteCount(name) >= IFNAMSIZ)
            return false;
        InterfaceAnswer asked = default;
        Encoding.UTF8.GetBytes(name, new Span<byte>(asked.Name, IFNAMSIZ));
        bool good = SystemCalls.ioctl(_fd.Value, request, &asked) >= 0;
        answer = asked;
        return good;
    }

    /// <summary>struct ifreq, netdevice(7): 40 bytes.</summary>
    [StructLayout(LayoutKind.Explicit, Size = 40)]
    private struct InterfaceAnswer
    {
        [FieldOffset(0)] public fixed byte Name[16];
        [FieldOffset(16)] public int Number;
        [FieldOffset(16)] public fixed byte Data[24];
    }

    [LibraryImport("libc", SetLastError = true)]
    private static partial int setsockopt(int fd, int level, int option, void* value, uint bytes);

    [LibraryImport("libc", SetLastError = true)]
    private static partial int bind(int fd, void* address, uint bytes);

    [LibraryImport("libc", SetLastError = true)]
    private static partial long recvmsg(int fd, MessageHead* head, int flags);

    [LibraryImport("libc", SetLastError = true)]
    private static partial long sendto(int fd, void* data, nuint bytes, int flags, void* to, uint toBytes);

    [LibraryImport("libc", SetLastError = true)]
    private static partial int poll(PollEntry* entries, nuint count, int milliseconds);
}

/// <summary>A number that another thread raises to end this one's poll(2): eventfd(2).</summary>
internal sealed unsafe partial class WakeUp : IDisposable
{
    private readonly FileDescriptor _fd;
    private readonly Lock _gate = new();
    private bool _isClosed;

    /// <exception cref="IOException">The process has no file descriptor left.</exception>
    public WakeUp()
    {
        int fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
        _fd = fd >= 0 ? new FileDescriptor(fd) : throw new IOException($"eventfd: {SystemCalls.ErrorText(Marshal.GetLastPInvokeError())}");
    }

    public int Fd => _fd.Value;

    /// <summary>Ends a wait that is under way, or the next one. Any thread.</summary>
    public void Raise()
    {
        ulong one = 1;
        // Once closed the number may be another file's.
        lock (_gate)
        {
            if (!_isClosed)
                _ = write(_fd.Value, &one, sizeof(ulong));
        }
    }

    /// <summary>Makes the next wait wait again.</summary>
    public void Clear()
    {
        ulong value;
        _ = read(_fd.Value, &value, sizeof(ulong));
    }

    public void Dispose()
    {
        lock (_gate)
        {
            _isClosed = true;
            _fd.Dispose();
        }
    }

    [LibraryImport("libc", SetLastError = true)]
    private static partial int eventfd(uint initial, int flags);

    [LibraryImport("libc")]
    private static partial long read(int fd, void* to, nuint bytes);

    [LibraryImport("libc")]
    private static partial long write(int fd, void* from, nuint bytes);
}
