// SPDX-FileCopyrightText: 2026 The capbox authors
// SPDX-License-Identifier: Apache-2.0

using System.Buffers.Binary;
using System.Globalization;
using System.Runtime.InteropServices;

namespace Capbox.Testing;

/// <summary>Sends frames exactly as given, from a namespace, in one thread of its own.</summary>
internal static unsafe partial class RawSender
{
    private const int CLONE_NEWNET = 0x40000000;

    public static void Send(string space, string port, IEnumerable<byte[]> frames, int pauseEvery = 64)
    {
        Exception? failure = null;
        // setns changes the thread for good, so the thread is thrown away.
        var thread = new Thread(() =>
        {
            try
            {
                SendHere(space, port, frames, pauseEvery);
            }
            catch (Exception e) when (e is InvalidOperationException or IOException)
            {
                failure = e;
            }
        });
        thread.Start();
        thread.Join();
        if (failure is not null)
            throw new InvalidOperationException(failure.Message, failure);
    }

    private static void SendHere(string space, string port, IEnumerable<byte[]> frames, int pauseEvery)
    {
        int handle = Check(open($"/run/netns/{space}", 0), space);
        Check(setns(handle, CLONE_NEWNET), "setns");
        _ = close(handle);
        int fd = Check(socket(17, 3, 0), "socket");
        try
        {
            byte* address = stackalloc byte[20];
            new Span<byte>(address, 20).Clear();
            *(ushort*)address = 17;
            *(uint*)(address + 4) = if_nametoindex(port);
            Check(bind(fd, address, 20), "bind");
            int sent = 0;
            foreach (byte[] frame in frames)
            {
                fixed (byte* data = frame)
                    Check((int)send(fd, data, frame.Length, 0), $"send of {frame.Length} bytes");
                if (++sent % pauseEvery == 0)
                    Thread.Sleep(1);
            }
        }
        finally
        {
            _ = close(fd);
        }
    }

    private static int Check(int result, string what) =>
        result >= 0 ? result : throw new InvalidOperationException($"{what}: {Marshal.GetLastPInvokeErrorMessage()}");

    [LibraryImport("libc", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int open(string path, int flags);

    [LibraryImport("libc", SetLastError = true)]
    private static partial int setns(int fd, int type);

    [LibraryImport("libc", SetLastError = true)]
    private static partial int socket(int family, int type, int protocol);

    [LibraryImport("libc", SetLastError = true)]
    private static partial int bind(int fd, void* address, int length);

    [LibraryImport("libc", SetLastError = true)]
    private static partial nint send(int fd, void* data, nint length, int flags);

    [LibraryImport("libc", SetLastError = true)]
    private static partial int close(int fd);

    [LibraryImport("libc", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial uint if_nametoindex(string name);
}

/// <summary>One packet as a reader gives it.</summary>
internal sealed record Packet(long Seconds, long Fraction, int OriginalLength, byte[] Data)
{
    public string Hex => Convert.ToHexString(Data);
}

/// <summary>Classic pcap, what tcpdump writes (pcap-savefile(5)): the neutral ground on which captures are compared.</summary>
internal static class PcapFile
{
    public static List<Packet> Read(string path)
    {
        byte[] bytes = File.ReadAllBytes(path);
        uint magic = BinaryPrimitives.ReadUInt32LittleEndian(bytes);
        if (magic is not (0xA1B2C3D4 or 0xA1B23C4D))
            throw new InvalidDataException($"{path}: magic {magic:X8}");
        var packets = new List<Packet>();
        for (int at = 24; at + 16 <= bytes.Length;)
        {
            uint seconds = BinaryPrimitives.ReadUInt32LittleEndian(bytes.AsSpan(at)), fraction = BinaryPrimitives.ReadUInt32LittleEndian(bytes.AsSpan(at + 4));
            int captured = BinaryPrimitives.ReadInt32LittleEndian(bytes.AsSpan(at + 8)), original = BinaryPrimitives.ReadInt32LittleEndian(bytes.AsSpan(at + 12));
            if (at + 16 + captured > bytes.Length)
                break; // being written
            packets.Add(new Packet(seconds, fraction, original, bytes[(at + 16)..(at + 16 + captured)]));
            at += 16 + captured;
        }

        return packets;
    }

    /// <summary>A segment as tcpdump's libpcap reads it.</summary>
    public static List<Packet> ReadThroughTcpdump(Lab lab, string segment, string? filter = null)
    {
        string output = Path.Combine(lab.Scratch, $"converted{Random.Shared.Next()}.pcap");
        string[] arguments = ["-r", segment, "--nano", "-w", output, .. filter is null ? Array.Empty<string>() : [filter]];
        Tool.Run("tcpdump", arguments);
        return Read(output);
    }
}

/// <summary>Frames for tests: each is different in every byte range that matters.</summary>
internal static class Frames
{
    /// <summary>Ethernet with an own ethertype; any length from 14.</summary>
    public static byte[] Plain(int length, int number, ushort etherType = 0x88B5)
    {
        byte[] frame = new byte[length];
        Mac(frame);
        BinaryPrimitives.WriteUInt16BigEndian(frame.AsSpan(12), etherType);
        for (int i = 14; i < length; i++)
            frame[i] = (byte)((number * 31) + i);
        return frame;
    }

    /// <summary>The frame with a tag behind its addresses.</summary>
    public static byte[] Tagged(byte[] frame, ushort tpid, ushort tci) =>
        [.. frame[..12], (byte)(tpid >> 8), (byte)tpid, (byte)(tci >> 8), (byte)tci, .. frame[12..]];

    /// <summary>Ethernet, IPv4, UDP.</summary>
    public static byte[] Udp(string source, string destination, ushort sourcePort, ushort destinationPort, int payload)
    {
        byte[] frame = new byte[42 + payload];
        Mac(frame);
        BinaryPrimitives.WriteUInt16BigEndian(frame.AsSpan(12), 0x0800);
        frame[14] = 0x45;
        BinaryPrimitives.WriteUInt16BigEndian(frame.AsSpan(16), (ushort)(28 + payload));
        frame[22] = 64;
        frame[23] = 17;
        Address(source).CopyTo(frame, 26);
        Address(destination).CopyTo(frame, 30);
        BinaryPrimitives.WriteUInt16BigEndian(frame.AsSpan(34), sourcePort);
        BinaryPrimitives.WriteUInt16BigEndian(frame.AsSpan(36), destinationPort);
        BinaryPrimitives.WriteUInt16BigEndian(frame.AsSpan(38), (ushort)(8 + payload));
        return frame;
    }

    private static void Mac(byte[] frame)
    {
        ReadOnlySpan<byte> addresses = [0x02, 0xCB, 0, 0, 0, 2, 0x02, 0xCB, 0, 0, 0, 1];
        addresses.CopyTo(frame);
    }

    private static byte[] Address(string text) => [.. text.Split('.').Select(part => byte.Parse(part, CultureInfo.InvariantCulture))];
}
