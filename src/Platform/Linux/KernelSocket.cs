// SPDX-FileCopyrightText: 2026 The capbox authors
// SPDX-License-Identifier: Apache-2.0

using System.Runtime.InteropServices;
using System.Text;
using static Capbox.Platform.Linux.SocketNumbers;

namespace Capbox.Platform.Linux;

/// <summary>
/// A socket of the network namespace of the thread that makes it; used from any thread afterwards, one at a time. Never blocks.
/// Allocates nothing after it was set up.
/// </summary>
internal sealed unsafe class KernelSocket : IDisposable
{
    private readonly FileDescriptor _fd;
    private readonly string _what;

    /// <param name="what">The socket's name in errors: <c>eth0 UDP 319</c>.</param>
    /// <exception cref="IOException">The kernel refuses; the message begins with <paramref name="what"/>.</exception>
    public KernelSocket(int family, int type, int protocol, string what)
    {
        _what = what;
        int fd = LibC.socket(family, type | SOCK_CLOEXEC | SOCK_NONBLOCK, protocol);
        _fd = fd >= 0 ? new FileDescriptor(fd) : throw Refused("open socket");
    }

    /// <summary>For poll(2); valid while this object lives.</summary>
    public int Fd => _fd.Value;

    /// <exception cref="IOException">The kernel refuses; the message names <paramref name="purpose"/>.</exception>
    public void Set(int level, int option, int value, string purpose) =>
        Set(level, option, MemoryMarshal.AsBytes(new ReadOnlySpan<int>(in value)), purpose);

    /// <inheritdoc cref="Set(int, int, int, string)"/>
    public void Set(int level, int option, ReadOnlySpan<byte> value, string purpose)
    {
        if (!TrySet(level, option, value))
            throw Refused(purpose);
    }

    /// <summary>Sets an option that not every kernel knows.</summary>
    public bool TrySet(int level, int option, ReadOnlySpan<byte> value)
    {
        fixed (byte* at = value)
            return LibC.setsockopt(_fd.Value, level, option, at, value.Length) == 0;
    }

    /// <summary>Sends and receives by one interface alone (SO_BINDTODEVICE).</summary>
    public void BindToDevice(string name) => Set(SOL_SOCKET, SO_BINDTODEVICE, Encoding.UTF8.GetBytes(name + '\0'), "bind to the interface");

    /// <summary>Lets only those packets through that a classic BPF program accepts (SO_ATTACH_FILTER).</summary>
    /// <exception cref="IOException">The kernel refuses the program.</exception>
    public void Filter(ReadOnlySpan<SockFilter> program)
    {
        if (!SockFprog.TryAttach(_fd.Value, program))
            throw Refused("set the filter");
    }

    /// <exception cref="IOException">The kernel refuses.</exception>
    public void Bind(ReadOnlySpan<byte> address, string purpose)
    {
        fixed (byte* at = address)
        {
            if (LibC.bind(_fd.Value, at, address.Length) != 0)
                throw Refused(purpose);
        }
    }

    /// <summary>Receives one message, or one of the error queue; see recvmsg(2) for <paramref name="flags"/>.</summary>
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
            nint bytes = LibC.recvmsg(_fd.Value, &head, flags | MSG_DONTWAIT);
            return bytes < 0
                ? new(-Errno.Last, 0, 0, false)
                : new((int)bytes, (int)head.NameBytes, (int)head.ControlBytes, (head.Flags & (MSG_TRUNC | MSG_CTRUNC)) != 0);
        }
    }

    /// <summary>Sends one message; returns 0 or the errno.</summary>
    /// <param name="to">Empty: to where the socket is connected, the kernel for netlink.</param>
    public int Send(ReadOnlySpan<byte> data, ReadOnlySpan<byte> to)
    {
        fixed (byte* dataAt = data, toAt = to)
        {
            nint sent = LibC.sendto(_fd.Value, dataAt, data.Length, MSG_DONTWAIT | MSG_NOSIGNAL, toAt, to.Length);
            return sent >= 0 ? 0 : Errno.Last;
        }
    }

    /// <summary>Index of an interface of this socket's namespace; 0 if there is none of that name.</summary>
    public int InterfaceIndex(string name) =>
        TryQuery(name, InterfaceRequest.SIOCGIFINDEX, out InterfaceRequest answer) ? answer.Number : 0;

    /// <summary>IFF_ flags of netdevice(7); 0 if there is no such interface.</summary>
    public int InterfaceFlags(string name) =>
        TryQuery(name, InterfaceRequest.SIOCGIFFLAGS, out InterfaceRequest answer) ? answer.Number & 0xFFFF : 0;

    /// <summary>Copies six bytes.</summary>
    /// <exception cref="IOException">There is no such interface.</exception>
    public void CopyMac(string name, Span<byte> mac)
    {
        if (!TryQuery(name, InterfaceRequest.SIOCGIFHWADDR, out InterfaceRequest answer))
            throw Refused("read the MAC");
        // A struct sockaddr: two bytes of type before the address.
        new ReadOnlySpan<byte>(answer.Bytes + 2, mac.Length).CopyTo(mac);
    }

    /// <summary>
    /// Waits until one of them has an event; returns how many have, 0 after the time or a signal. Each entry's Revents is set.
    /// </summary>
    public static int Wait(Span<PollFd> entries, int milliseconds)
    {
        fixed (PollFd* at = entries)
        {
            int count = LibC.poll(at, (ulong)entries.Length, milliseconds);
            if (count > 0)
                return count;
        }

        // The events of the wait before are over.
        foreach (ref PollFd entry in entries)
            entry.Revents = 0;
        return 0;
    }

    /// <summary>An error of this socket by errno.</summary>
    public IOException Refused(string purpose, int errno) => new($"{_what}: {purpose}: {Errno.Text(errno)}");

    public void Dispose() => _fd.Dispose();

    private IOException Refused(string purpose) => Refused(purpose, Errno.Last);

    private bool TryQuery(string name, nuint ioctl, out InterfaceRequest answer)
    {
        answer = default;
        return InterfaceRequest.Run(_fd.Value, name, ioctl, ref answer) == 0;
    }
}
