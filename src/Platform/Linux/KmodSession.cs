// SPDX-FileCopyrightText: 2026 The capbox authors
// SPDX-License-Identifier: Apache-2.0

namespace Capbox.Platform.Linux;

/// <summary>The settings of a session of the kernel module; kmod/uapi/capbox.h, struct capbox_setup, has the ranges.</summary>
/// <param name="Hooks">Bits, 1 &lt;&lt; CAPBOX_HOOK_*.</param>
/// <param name="Policy">CAPBOX_DROP_*.</param>
/// <param name="Consume">True: all packets are dropped at ingress after they were captured.</param>
/// /// <param name="BlockCount">Blocks of each ring.</param>
/// <param name="HeadBytes">Bytes left free at the start of each block.</param>
/// <param name="SnapBytes">Bytes stored of a packet.</param>
/// <param name="HandoverMs">Age at which the module hands over a block that is not full.</param>
internal sealed record KmodSetup(
    uint Hooks, uint Policy, bool Consume, int BlockBytes, int BlockCount, int HeadBytes, int SnapBytes, int HandoverMs);

/// <summary>The version of the module that is loaded.</summary>
internal sealed record KmodVersion(uint Abi, string Release)
{
    public bool Matches => Abi == CapboxNumbers.CAPBOX_ABI_VERSION;

    public string Mismatch => $"capbox.ko has ABI {Abi} (release {Release}), this capbox needs ABI {CapboxNumbers.CAPBOX_ABI_VERSION}";
}

/// <summary>
/// An open /dev/capbox with its rings mapped: a session of the network namespace that the calling thread is in.
/// docs/internals/ring.md has the contract. A refusal of the module becomes an <see cref="IOException"/> with the module's own message.
/// </summary>
internal sealed unsafe class KmodSession : IDisposable
{
    public const string Device = "/dev/capbox";
    private readonly FileDescriptor _fd;
    private readonly CapboxSetup _setup;
    private byte* _map;
    private uint _port; // its slot in the session

    private KmodSession(FileDescriptor fd, in CapboxSetup setup, byte* map)
    {
        _fd = fd;
        _setup = setup;
        _map = map;
    }

    public int RingCount => (int)_setup.Rings;

    public int BlockCount => (int)_setup.Blocks;

    /// <summary>For epoll.</summary>
    public FileDescriptor Fd => _fd;

    /// <summary>The module's version, or null with the reason.</summary>
    public static KmodVersion? Probe(out string problem)
    {
        int fd = LibC.open(Device, FileNumbers.O_RDWR | FileNumbers.O_CLOEXEC, 0);
        if (fd < 0)
        {
            string reason = Errno.LastText();
            problem = File.Exists(Device) ? $"{Device}: {reason}" : "capbox.ko is not loaded";
            return null;
        }

        using var device = new FileDescriptor(fd);
        CapboxVersion version = default;
        if (LibC.ioctl(fd, CapboxNumbers.CAPBOX_IOC_VERSION, &version) != 0)
        {
            problem = $"{Device}: {Errno.LastText()}";
            return null;
        }

        problem = "";
        return new KmodVersion(version.Abi, CText.Read(version.Release, 56));
    }

    /// <summary>Creates the rings and maps them. Nothing is captured before <see cref="Start"/>.</summary>
    /// <exception cref="IOException">The module refused; the message has the request and the reason.</exception>
    public static KmodSession Open(KmodSetup wanted)
    {
        int fd = LibC.open(Device, FileNumbers.O_RDWR | FileNumbers.O_CLOEXEC, 0);
        if (fd < 0)
            throw new IOException($"{Device}: {Errno.LastText()}");
        var device = new FileDescriptor(fd);
        try
        {
            CapboxSetup setup = new()
            {
                Abi = CapboxNumbers.CAPBOX_ABI_VERSION,
                Flags = wanted.Consume ? CapboxNumbers.CAPBOX_SETUP_CONSUME : 0,
                Hooks = wanted.Hooks,
                Policy = wanted.Policy,
                BlockBytes = (uint)wanted.BlockBytes,
                Blocks = (uint)wanted.BlockCount,
                HeadBytes = (uint)wanted.HeadBytes,
                SnapBytes = (uint)wanted.SnapBytes,
                HandoverUs = (uint)wanted.HandoverMs * 1000,
            };
            if (LibC.ioctl(fd, CapboxNumbers.CAPBOX_IOC_SETUP, &setup) != 0)
                throw Refused("rings", setup.Error);
            nint map = LibC.mmap(0, (nint)setup.MapBytes, FileNumbers.PROT_READ | FileNumbers.PROT_WRITE, FileNumbers.MAP_SHARED, fd, 0);
            if (map == FileNumbers.MAP_FAILED)
                throw new IOException($"mmap of the module's rings, {setup.MapBytes} bytes: {Errno.LastText()}");
            return new KmodSession(device, setup, (byte*)map);
        }
        catch
        {
            device.Dispose();
            throw;
        }
    }

    public CapboxRingHead* Head(int ring) => (CapboxRingHead*)RingStart(ring);

    public uint* FilledQueue(int ring) => (uint*)(RingStart(ring) + _setup.FilledOffset);

    public uint* FreeQueue(int ring) => (uint*)(RingStart(ring) + _setup.FreeOffset);

    public CapboxBlock* Info(int ring) => (CapboxBlock*)(RingStart(ring) + _setup.InfoOffset);

    /// <summary>Entry i of a queue is at i and this.</summary>
    public ulong QueueMask => _setup.QueueEntries - 1;

    public byte* Block(int ring, uint block) => _map + _setup.BlocksOffset + ((((ulong)ring * _setup.Blocks) + block) * _setup.BlockBytes);

    /// <exception cref="IOException">The interface cannot be captured.</exception>
    public void AddPort(int ifIndex, uint softwareInterface, uint hardwareInterface, bool hardwareStamps)
    {
        CapboxPort port = new()
        {
            IfIndex = ifIndex,
            Flags = CapboxNumbers.CAPBOX_PORT_PROMISCUOUS | (hardwareStamps ? CapboxNumbers.CAPBOX_PORT_HARDWARE_STAMPS : 0),
            SoftwareInterface = softwareInterface,
            HardwareInterface = hardwareInterface,
        };
        if (LibC.ioctl(_fd.Value, CapboxNumbers.CAPBOX_IOC_ADD_PORT, &port) != 0)
            throw Refused($"interface {ifIndex}", port.Error);
        _port = port.Port;
    }

    /// <summary>
    /// True if the interface of <see cref="AddPort"/> was deleted or left the namespace: the session captures nothing of it any
    /// more, even if another interface has its number now.
    /// </summary>
    public bool IsPortGone
    {
        get
        {
            CapboxPort port = new() { Port = _port };
            return LibC.ioctl(_fd.Value, CapboxNumbers.CAPBOX_IOC_GET_PORT, &port) == 0 && port.State == CapboxNumbers.CAPBOX_PORT_GONE;
        }
    }

    /// <param name="kind">CAPBOX_FILTER_*, which names its hooks.</param>
    /// <param name="program">Accepts the packets to store.</param>
    /// <exception cref="IOException">Not a valid program.</exception>
    public void SetFilter(uint kind, SockFilter[] program)
    {
        fixed (SockFilter* instructions = program)
        {
            CapboxFilter filter = new() { Instructions = (ulong)instructions, Count = (uint)program.Length, Kind = kind };
            if (LibC.ioctl(_fd.Value, CapboxNumbers.CAPBOX_IOC_SET_FILTER, &filter) != 0)
                throw new IOException($"capbox.ko refused a filter of {program.Length} instructions: {Errno.LastText()}");
        }
    }

    /// <exception cref="IOException">The module cannot register a hook.</exception>
    public void Start()
    {
        if (LibC.ioctl(_fd.Value, CapboxNumbers.CAPBOX_IOC_START, null) != 0)
            throw new IOException($"capbox.ko cannot register its hooks: {Errno.LastText()}");
    }

    /// <summary>
    /// After this the module adds no packet, and it has handed over every block with packets. A second call does nothing.
    /// </summary>
    public void Stop() => LibC.ioctl(_fd.Value, CapboxNumbers.CAPBOX_IOC_STOP, null);

    /// <summary>The counters of a ring since it was created, all of one moment.</summary>
    public CapboxCounters Counters(int ring)
    {
        CapboxRingCounters request = new() { Ring = (uint)ring };
        return LibC.ioctl(_fd.Value, CapboxNumbers.CAPBOX_IOC_COUNTERS, &request) == 0 ? request.Counters : default;
    }

    /// <summary>Unmaps and closes; no write from the mapping may be in flight any more.</summary>
    public void Dispose()
    {
        if (_map == null)
            return;
        LibC.munmap((nint)_map, (nint)_setup.MapBytes);
        _map = null;
        _fd.Dispose();
    }

    private byte* RingStart(int ring) => _map + ((ulong)ring * _setup.RingBytes);

    private static IOException Refused(string what, byte* error)
    {
        string reason = Errno.LastText();
        string text = CText.Read(error, 96);
        return new IOException($"capbox.ko refused {what}: {(text.Length == 0 ? reason : text)}");
    }
}
