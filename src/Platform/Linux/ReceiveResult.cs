namespace Capbox.Platform.Linux;

/// <summary>What a call of recvmsg(2) brought.</summary>
/// <param name="Bytes">Of data; a negative errno if there was nothing.</param>
/// <param name="NameBytes">Of the sender's address.</param>
/// <param name="ControlBytes">Of control messages.</param>
/// <param name="IsTruncated">Data or control messages were longer than the room for them.</param>
internal readonly record struct ReceiveResult(int Bytes, int NameBytes, int ControlBytes, bool IsTruncated);
