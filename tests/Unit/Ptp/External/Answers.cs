// SPDX-FileCopyrightText: 2026 The capbox authors
// SPDX-License-Identifier: Apache-2.0

using System.Buffers.Binary;
using Capbox.Ptp.Daemons;
using Capbox.Ptp.Messages;

namespace Capbox.Ptp.Tests.External;

/// <summary>What a real ptp4l 3.1.1 and a real chronyd 4.3 answered (tests/golden/ptp/answers.sh).</summary>
internal static class Answers
{
    public const uint ChronySequence = 0x01020304;
    private static readonly Dictionary<string, byte[]> s_all = File.ReadAllLines(Path.Combine(Repository.Root, "tests", "golden", "ptp", "answers.txt"))
        .Select(l => l.Split(' ')).ToDictionary(f => f[0] + " " + f[1], f => Convert.FromHexString(f[2]));

    /// <summary>Who asked.</summary>
    public static PortIdentity Own { get; } = new(new(0x0123456789ABCDEF), 1);

    public static byte[] Chrony => [.. s_all["chronyd tracking"]];

    public static byte[] Of(ManagementId id) => [.. s_all[$"ptp4l {(ushort)id:x4}"]];

    /// <summary>The TLV's data, of a length that fits.</summary>
    public static byte[] With(ManagementId id, byte[] data)
    {
        byte[] bytes = [.. Of(ManagementId.CurrentDataSet)[..54], .. data];
        BinaryPrimitives.WriteUInt16BigEndian(bytes.AsSpan(2), (ushort)bytes.Length);
        BinaryPrimitives.WriteUInt16BigEndian(bytes.AsSpan(50), (ushort)(data.Length + 2));
        BinaryPrimitives.WriteUInt16BigEndian(bytes.AsSpan(52), (ushort)id);
        return bytes;
    }

    public static ManagementReply Read(byte[] bytes)
    {
        ReplyVerdict verdict = ManagementMessage.Read(bytes, Own, 0, out ManagementReply reply);
        return verdict == ReplyVerdict.Good ? reply : throw new InvalidOperationException(verdict.ToString());
    }
}
